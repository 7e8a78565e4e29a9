"""A Flan in miniature, made by this code alone: no file, no download.

Importing this module registers the Tasks and Mixtures of `tasks.mini.registration` with seqio;
examples are generated when a Task is first read.
"""

from .registration import register

register()
