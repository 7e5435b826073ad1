"""Image bytes to arrays, and back."""
