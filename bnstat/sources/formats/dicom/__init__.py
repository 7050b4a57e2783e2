"""DICOM files: their headers, their pixels, and the series that they make. Only this folder uses pydicom."""
