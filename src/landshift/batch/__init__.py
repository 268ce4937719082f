"""Many sites in one night: a list in, one outcome a site, a table in the morning.

`site_list` reads the list, `night` decides what is to be done and notes it in the `ledger`,
`workers` or `cluster` have it done, each site by `site_work` in a process kept by `child`;
`morning` makes the tables from the ledger.
"""
