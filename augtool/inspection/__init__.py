"""What a source or an output holds, and whether it can be used."""
