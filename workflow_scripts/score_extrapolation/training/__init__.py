"""Training: one loop, its augmentation, its device, and the dynamics that it records."""
