"""The block quadratic and the linear algebra under it."""
