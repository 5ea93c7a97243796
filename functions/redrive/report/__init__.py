"""The report of a run, or of a queue over many runs: what is known, as one document, in a page that shows it.

`page.html` is built of `report/` (`make report-page`): script, style and the machine's picture are in it, and a place
for a document. It opens from a mail, and asks nobody for anything.
"""
