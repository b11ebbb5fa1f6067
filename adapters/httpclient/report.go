package httpclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"github.com/huleedu/edge/adapters/internal/jsonmember"
	"github.com/huleedu/edge/domain"
)

// The names of the members that are read.
const (
	ownerKey   = "user_id"
	overallKey = "overall_status"
)

var (
	errTwoOwners = errors.New("the batch has two owners")
	errNotPage   = errors.New("not a page of batches")
)

const (
	// maxLoggedStatus is how many bytes of an unknown status are logged.
	maxLoggedStatus = 256
	// maxLoggedStatuses is how many unknown statuses of one page are logged.
	maxLoggedStatuses = 10
	// maxPage is how many batches of one page are accepted: ten times the largest page
	// that is requested.
	maxPage = 1000
	// maxMembers is how many members of one object are accepted: each takes about ten times
	// the memory of its shortest text.
	maxMembers = 10_000
)

// readReport reads one batch of the aggregator. The document of the report is the text
// without its owner; every other byte is unchanged.
func readReport(body []byte) (domain.BatchReport, error) {
	o, err := jsonmember.Parse(body, maxMembers)
	if err != nil {
		return domain.BatchReport{}, err
	}
	report := domain.BatchReport{Document: body, Overall: jsonmember.Text(o.Last(overallKey))}
	owners := o.Find(ownerKey)
	switch len(owners) {
	case 0:
		return report, nil
	case 1:
		report.Owner = domain.UserID(jsonmember.Text(o.Value(owners[0])))
		report.Document = withoutMember(o, owners[0])
		return report, nil
	default:
		return domain.BatchReport{}, errTwoOwners
	}
}

// readPage reads a list of the aggregator. unknown are some of the statuses that the
// contract does not define, for the log.
func readPage(body []byte) (page domain.BatchPage, unknown []string, err error) {
	top, err := jsonmember.Parse(body, maxMembers)
	if err != nil {
		return domain.BatchPage{}, nil, err
	}
	batches, err := jsonmember.Elements(top.Last("batches"), maxPage)
	if err != nil {
		return domain.BatchPage{}, nil, errors.Join(errNotPage, err)
	}
	pagination, err := jsonmember.Parse(top.Last("pagination"), maxMembers)
	if err != nil || json.Unmarshal(pagination.Last("total"), &page.Total) != nil || page.Total < 0 {
		return domain.BatchPage{}, nil, errors.Join(errNotPage, err)
	}
	page.Batches = make([]domain.Document, 0, len(batches))
	for _, raw := range batches {
		report, err := readReport(raw)
		if err != nil {
			return domain.BatchPage{}, nil, err
		}
		status, known := domain.ClientStatusOf(report.Overall)
		if !known && len(unknown) < maxLoggedStatuses {
			unknown = append(unknown, report.Overall[:min(len(report.Overall), maxLoggedStatus)])
		}
		document, err := withStatus(report.Document, status)
		if err != nil {
			return domain.BatchPage{}, nil, err
		}
		page.Batches = append(page.Batches, document)
	}
	return page, unknown, nil
}

// withStatus returns a copy of a batch's document in which overall_status is the status for
// clients. It adds the member if there is none.
func withStatus(document []byte, status domain.ClientStatus) ([]byte, error) {
	o, err := jsonmember.Parse(document, maxMembers)
	if err != nil {
		return nil, err
	}
	value := `"` + string(status) + `"`
	if found := o.Find(overallKey); len(found) > 0 {
		m := o.Members[found[len(found)-1]]
		return splice(document, m.ValueStart, m.End, value), nil
	}
	member, at := `"`+overallKey+`":`+value, bytes.IndexByte(document, '{')+1
	if len(o.Members) > 0 {
		member, at = ","+member, o.Members[len(o.Members)-1].End
	}
	return splice(document, at, at, member), nil
}

// withoutMember returns a copy of an object without member i and one comma beside it.
func withoutMember(o jsonmember.Object, i int) []byte {
	from, to := o.Members[i].Start, o.Members[i].End
	switch {
	case i+1 < len(o.Members):
		to = o.Members[i+1].Start
	case i > 0:
		from = o.Members[i-1].End
	}
	return splice(o.Raw, from, to, "")
}

// splice returns a copy of raw in which text replaces the bytes from one index to another.
func splice(raw []byte, from, to int, text string) []byte {
	return slices.Concat(raw[:from], []byte(text), raw[to:])
}
