"""From tables to tables: what the runs of a sweep say. Every function takes DataFrames and returns one, or words."""
