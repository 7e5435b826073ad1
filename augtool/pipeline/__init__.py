"""A job in execution: tasks, work folder, journal, resume."""
