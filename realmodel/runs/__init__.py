"""What a command reads and writes: regular files in, whole files out."""
