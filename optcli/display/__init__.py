"""Display: what the commands show. A file, or a package, for each command, under its name.

The kit that they share:

    listener   who hears of a command's work: quiet, text or JSON
    table      columns in lines of text, fitted to the terminal's width
    sections   headed lists of names and texts
    text       numbers, bars, shortening, wrapping, escaping
    output     a stream that neither dies of an encoding nor of a closed pipe
    jsonl      JSON Lines
    terminal   its width, and rich, as all live views use it
    faults     errors and notes on stderr
"""
