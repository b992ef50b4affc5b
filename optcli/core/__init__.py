"""Core: what all other packages are made of; it imports none of them.

    arrays        work buffers, dtypes
    errors        faults with file, line and key
    registry      name -> class, for everything a config can name
    entry_points  what installed packages offer to a registry
    specs         frozen dataclasses whose annotations give ranges and meaning
    durations     lengths in steps, epochs and shares of the run
    patterns      regular expressions that are compiled when they are first used
    randomness    a generator for each purpose
    parameters    names -> views of the (R, P) buffer
    inputs        what the numbers of an input row are
    events        what training says
    environment   threads of the BLAS, what environment.json says of versions and machine
    machine       cores and memory that may be used, within the limits of containers
    onnx_graph    what layers and losses write their ONNX nodes into
    html_table    a small table for notebooks
    shell         commands to be typed, quoted for the shells of this system
    catalog_file  a page on all that is registered, kept in a file
    jsonable      values in what JSON has
    aside         a second process that loads what takes long, and calls functions
    schema_file   where the JSON Schema of a config is, and the line that names it to an editor
    former_paths  import paths of version 0.1
    version       the version

Nothing here knows of commands, files or the terminal.
"""
