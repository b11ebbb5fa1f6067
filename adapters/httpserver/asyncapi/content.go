package asyncapi

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// content is what the page shows.
type content struct {
	Title, Version string
	About          []string // paragraphs
	Channels       []channel
	Messages       []message
}

// channel is a place where messages are sent.
type channel struct {
	Name, Address string
	// Protocol is the protocol of the channel's server, such as ws.
	Protocol   string
	About      []string
	Parameters []parameters
	Operations []operation
	// Example is text as it is sent; empty without an example.
	Example string
	Closes  []closeCode
}

// parameters are values that a client sends when it connects, in a place such as "query".
type parameters struct {
	Place  string
	Fields []field
}

// operation is what the service does with messages of a channel.
type operation struct {
	Heading string
	// Messages are the names of the messages.
	Messages []string
}

// closeCode is an end of a connection.
type closeCode struct{ Code, ErrorCode, When, Client string }

// message is a message with its fields.
type message struct {
	Name, Summary string
	// Delivery describes how the service delivers the message.
	Delivery []string
	Fields   []field
	// Example is JSON with indentation; empty without an example.
	Example string
}

// newContent reads a document.
func newContent(d document) content {
	c := content{Title: d.get("info", "title").text(), Version: d.get("info", "version").text(), About: paragraphs(d.get("info", "description"))}
	for name, v := range d.get("channels").members() {
		c.Channels = append(c.Channels, d.channel(name, v))
	}
	for _, v := range d.get("components", "messages").members() {
		c.Messages = append(c.Messages, d.message(v))
	}
	return c
}

func paragraphs(text value) []string {
	return slices.DeleteFunc(strings.Split(text.text(), "\n"), func(p string) bool { return p == "" })
}

func (d document) channel(name string, v value) channel {
	c := channel{Name: name, Address: v.get("address").text(), About: paragraphs(v.get("description")), Example: v.get("x-example").text()}
	for reference := range v.get("servers").items() {
		server, _ := d.resolve(reference)
		c.Protocol = server.get("protocol").text()
	}
	c.Parameters = d.parameters(v)
	for _, o := range d.get("operations").members() {
		if _, of := d.resolve(o.get("channel")); of == name {
			c.Parameters = append(c.Parameters, d.parameters(o)...)
			c.Operations = append(c.Operations, d.operation(o, v))
		}
	}
	for one := range v.get("x-closes").items() {
		c.Closes = append(c.Closes, closeCode{
			string(one.get("code")), one.get("error_code").text(), one.get("when").text(), strings.Trim(one.get("client").text(), "-"),
		})
	}
	return c
}

// parameters returns the parameters in the bindings of a channel or an operation. The binding
// of HTTP has no headers of its own, so that the document has them in an extension.
func (d document) parameters(v value) (out []parameters) {
	for _, binding := range v.get("bindings").members() {
		for _, place := range []string{"headers", "x-headers", "query"} {
			if fields := d.fields(binding.get(place)); len(fields) > 0 {
				out = append(out, parameters{strings.TrimPrefix(place, "x-"), fields})
			}
		}
	}
	return out
}

// operation reads an operation of a channel. Without a list of messages it is about all
// messages of the channel.
func (d document) operation(v, of value) operation {
	o := operation{Heading: "The service sends"}
	if v.get("action").text() == "receive" {
		o.Heading = "The service receives"
	}
	references := slices.Collect(v.get("messages").items())
	if references == nil {
		for _, reference := range of.get("messages").members() {
			references = append(references, reference)
		}
	}
	for _, reference := range references {
		resolved, _ := d.resolve(reference)
		o.Messages = append(o.Messages, resolved.get("name").text())
	}
	return o
}

func (d document) message(v value) message {
	m := message{Name: v.get("name").text(), Summary: v.get("summary").text()}
	payload, _ := d.resolve(v.get("payload"))
	m.Fields = append(d.fields(v.get("headers")), d.fields(payload)...)
	for name, fact := range v.get("x-notification").members() {
		m.Delivery = append(m.Delivery, strings.ReplaceAll(name, "_", " ")+": "+strings.Trim(string(fact), `"`))
	}
	for example := range v.get("examples").items() {
		m.Example = indent(example.get("payload"))
	}
	return m
}

// indent returns JSON with one member on each line.
func indent(v value) string {
	var out bytes.Buffer
	if json.Indent(&out, v, "", "  ") != nil {
		return ""
	}
	return out.String()
}
