"""What the data's sequences show about every module."""
