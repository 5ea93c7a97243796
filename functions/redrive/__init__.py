"""Redrive's library: what the functions of the state machine do, with no idea of Lambda.

`steps` has a module for each state; below it are `expressions`, `origins`, `sqs` and `stores`, which know nothing of
each other, and below these `values`. Clients are passed in; nothing is read from the environment.
"""
