"""Room legacy."""
