"""What augtool is raced against: programs of their own, that time their own pass."""
