"""What loggers write into files: headers, times, rows."""
