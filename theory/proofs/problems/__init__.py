"""Random problems, tight ones and broken ones, a file for each kind."""
