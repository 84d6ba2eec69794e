"""Does a score predict what fine-tuning gains? Scores against realised gains."""
