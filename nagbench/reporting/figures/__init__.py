"""Pictures. Import this only to draw: it brings matplotlib, which nothing else in the package needs."""
