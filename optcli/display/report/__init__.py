"""The page on run folders: one HTML file that needs no other.

    source      what a page is made of
    page        which parts a page has, and in which order
    run         a training run: its outcome, scores and curves
    runs        several of them, one over the other
    comparison  a comparison: its verdict, table and curves
    benchmark   a comparison on several configs
    search      a search: the best setting, the score by each key
    trace       paths on an objective
    landscape   the loss around solutions
    gradients   a gradient check
    evaluation  a trained run on labelled rows
    blocks      tables, pictures, config, environment, files
    charts      curves as data, thinned, which page.js draws
    markup      elements with escaped text
    document    the file: styles, script, policy, data
    written     what the command says

`page.css` and `page.js` stand in the page as they are. Sentences and cells are those that the
terminal shows.
"""

from __future__ import annotations

from optcli.display.report.page import page
from optcli.display.report.source import Source
from optcli.display.report.written import written

__all__ = ["Source", "page", "written"]
