"""What a process is given to live on: clock, database, folder of small files."""
