"""What an edge writes down before anything leaves the process: the ground of the edge."""
