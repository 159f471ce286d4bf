//go:build tools

// Names what is built here, for go.mod and go.sum. See ../README.md.
package counterpart

import _ "github.com/modelcontextprotocol/go-sdk/conformance/everything-server"
