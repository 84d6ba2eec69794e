"""What one pass over the sequences tells about every module of a model."""
