"""What people have begun to write: kept here, and there on their next device."""
