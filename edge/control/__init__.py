"""What an output is now, and until when."""
