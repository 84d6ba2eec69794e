"""Parts of a streamed, resumable pass over the data."""
