"""Every theorem as an object that is checked: one file each, its id in its name."""
