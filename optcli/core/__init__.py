"""Core: what all else is made of, and knows nothing of it.

arrays       work buffers, dtypes
errors       faults with file, line and key
registry     name -> class, for everything a config can name
specs        frozen dataclasses whose annotations give ranges and meaning
durations    lengths in steps, epochs and shares of the run
randomness   a generator for each purpose
parameters   names -> views of the (R, P) buffer
events       what training says
environment  the machine: BLAS threads, memory, what environment.json says
version      the version
"""
