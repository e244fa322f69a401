"""What paints: each widget shows a part of a frame that was worked out before, and does nothing else."""
