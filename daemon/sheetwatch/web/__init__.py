"""The operator's pages: a small web server of its own beside the daemon, in a process of its own.

It looks at the ledger, and writes into it only what an operator decides, through the functions that the terminal uses
too. It loads no decoder: pictures are files that the workers wrote, sent as they are, and the page enlarges cells by
itself. A page of the archive, for which no picture was written, is decoded in a limited process of its own.

    server     start: where it may listen, waitress
    app        the Flask application: its parts, its limits, its error pages
    access     which addresses and host names are allowed
    passwords  scrypt, its file, the command that makes one
    session    log in, log out, who somebody is; how often a password may be tried
    security   the checks of every request, the headers of every answer
    place      settings, ledger and clock, as requests use them
    outlines   the forms' rules, as the templates have them now
    queue      review: one page after the other
    audit      accepted rows, read once more blind; interval: how sure that makes us
    model      the shipped model's card, and how well it reads here; trend: its charts
    undo       decisions that may still be taken back
    answer     what an operator typed, as the terminal's words
    today      counts, rate, health
    results    rows: browse, search, correct, download
    pictures   sheets of review and of rows
    trying     a picture that somebody brings: the numbers on it; nothing is kept

    designer          forms: the requests of the template designer, each upload worked on in a process of its own
    designer_drafts   what is in progress, in the state folder
    designer_sketch   what the browser sends, and the template.yaml that it becomes
    designer_check    the loader's errors, at their fields
    designer_tried    what a draft read on a filled sheet
    designer_saving   into the folder of templates, over nothing
"""
