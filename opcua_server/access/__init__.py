"""Who may what on which node: roles, permissions and access restrictions."""
