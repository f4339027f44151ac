"""Verify which implementations of an optimizer coincide, to how many ulps, and from which step on they differ."""
