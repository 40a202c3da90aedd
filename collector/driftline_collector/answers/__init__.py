"""The shapes of the API's answers: written once, for the API that gives and the client that reads them."""
