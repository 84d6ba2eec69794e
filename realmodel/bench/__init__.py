"""Speed and memory of the extraction, as ratios to a training pass measured in the same run."""
