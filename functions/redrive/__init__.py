"""Redrive's library: what the functions of the state machine do, with no idea of Lambda.

One module per step (`check`, `count`, `plan`, `receive`, `filter`, `send`, `delete`, `release`, `report`), and
below them what the steps share: `queues`, `messages`, `ledger`, `lane`, `expressions`, `journal`, `metering`.
Clients are passed in; nothing is read from the environment.
"""
