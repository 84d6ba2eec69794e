"""What every long run needs: files, resume, processes, and numbers that come out the same again."""
