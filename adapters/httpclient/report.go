package httpclient

import (
	"encoding/json"
	"errors"

	"github.com/huleedu/edge/domain"
)

// The members that are read, by their exact keys.
const (
	ownerKey   = "user_id"
	overallKey = "overall_status"
)

var (
	errTwoOwners = errors.New("the owner is named twice")
	errNotPage   = errors.New("not a page of batches")
)

const (
	// maxLoggedStatus bounds, in bytes, what a log line repeats of an unknown status, and
	// maxUnknowns how many different ones it repeats.
	maxLoggedStatus   = 256
	maxLoggedStatuses = 10
	// maxPage is how many batches of one page are accepted: ten times the most that is
	// asked for.
	maxPage = 1000
)

// readReport takes an aggregator's batch apart: the owner, the status, and the
// document without the owner.
func readReport(body []byte) (domain.BatchReport, error) {
	o, err := parseObject(body)
	if err != nil {
		return domain.BatchReport{}, err
	}
	report := domain.BatchReport{Document: o.raw}
	if status := o.find(overallKey); len(status) > 0 {
		report.Overall = unquote(o.value(status[len(status)-1]))
	}
	owners := o.find(ownerKey)
	if len(owners) > 1 {
		return domain.BatchReport{}, errTwoOwners
	}
	if len(owners) == 1 {
		report.Owner = domain.UserID(unquote(o.value(owners[0])))
		from, to := o.removalRange(owners[0])
		report.Document = splice(o.raw, from, to, "")
	}
	return report, nil
}

// readPage parses an aggregator's list. unknown are statuses that the contract does
// not define: some of them, for the log.
func readPage(body []byte) (page domain.BatchPage, unknown []string, err error) {
	top, err := parseObject(body)
	if err != nil {
		return domain.BatchPage{}, nil, err
	}
	batches, ok := elements(top.last("batches"), maxPage)
	pagination, err := parseObject(top.last("pagination"))
	if !ok || err != nil || json.Unmarshal(pagination.last("total"), &page.Total) != nil || page.Total < 0 {
		return domain.BatchPage{}, nil, errNotPage
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

// withStatus returns a batch's document with its status in the words that
// browsers know. Where it has none, one is added.
func withStatus(document []byte, status domain.ClientStatus) ([]byte, error) {
	o, err := parseObject(document)
	if err != nil {
		return nil, err
	}
	value := `"` + string(status) + `"`
	if at := o.find(overallKey); len(at) > 0 {
		m := o.members[at[len(at)-1]]
		return splice(o.raw, m.valueStart, m.valueEnd, value), nil
	}
	member, at := `"`+overallKey+`":`+value, o.skipSpace(0)+1
	if len(o.members) > 0 {
		last := o.members[len(o.members)-1]
		member, at = ","+member, last.valueEnd
	}
	return splice(o.raw, at, at, member), nil
}

// splice returns a copy of raw with one stretch replaced.
func splice(raw []byte, from, to int, with string) []byte {
	out := make([]byte, 0, len(raw)-(to-from)+len(with))
	out = append(out, raw[:from]...)
	out = append(out, with...)
	return append(out, raw[to:]...)
}
