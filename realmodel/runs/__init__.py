"""What every run needs: files that appear whole, resuming, processes, memory, the console."""
