"""Tell whether lips and speech belong together, and by how many frames they are apart."""
