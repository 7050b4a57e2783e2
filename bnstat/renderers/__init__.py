"""Reports as text: `json` and `csv` write every report; a folder for each command holds its other formats."""
