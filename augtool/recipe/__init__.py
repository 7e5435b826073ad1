"""What a user asks for: steps, how inputs are read, how rows are sampled."""
