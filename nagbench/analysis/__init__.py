"""Derive tables and sentences from the tables of a sweep's runs. Every function takes DataFrames."""
