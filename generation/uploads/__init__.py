"""What people bring along: receiving it, checking it, what they agreed to, and its doors."""
