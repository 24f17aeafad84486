"""What runs the subjects: facts, steps, the writer."""
