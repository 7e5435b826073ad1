"""Reading outputs and stored plans back."""
