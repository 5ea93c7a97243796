"""Prices: what AWS asks for what a run uses, in dollars."""

# us-east-1, 2026-11-24, each with its source in docs/facts.md (A6, B2, C4, G).
DOLLARS = {
    "SQS request": 0.40e-6,
    "SQS request, FIFO": 0.50e-6,
    "transition": 25e-6,
    "invocation": 0.20e-6,
    "GB-second (arm64)": 13.3334e-6,
    "S3 PUT or LIST": 5e-6,
    "S3 GET": 0.4e-6,
    "DynamoDB write unit": 0.625e-6,
    "DynamoDB read unit": 0.125e-6,
}
