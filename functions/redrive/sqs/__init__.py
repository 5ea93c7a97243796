"""SQS: queues, pages filled from them, parcels sent to them, visibility, and SQS's own move tasks."""
