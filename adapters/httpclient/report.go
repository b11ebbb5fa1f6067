package httpclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"github.com/huleedu/edge/adapters/internal/jsonmember"
	"github.com/huleedu/edge/domain"
)

const (
	// ownerKey is the member of a batch with the id of its owner.
	ownerKey = "user_id"
	// overallKey is the member of a batch with its status.
	overallKey = "overall_status"
)

var (
	errTwoOwners = errors.New("the batch has two owners")
	errNotPage   = errors.New("not a page of batches")
)

const (
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

// readPage reads a list of the aggregator.
func readPage(body []byte) (page domain.PlatformPage, err error) {
	top, err := jsonmember.Parse(body, maxMembers)
	if err != nil {
		return domain.PlatformPage{}, err
	}
	batches, err := jsonmember.Elements(top.Last("batches"), maxPage)
	if err != nil {
		return domain.PlatformPage{}, errors.Join(errNotPage, err)
	}
	pagination, err := jsonmember.Parse(top.Last("pagination"), maxMembers)
	if err != nil || json.Unmarshal(pagination.Last("total"), &page.Total) != nil || page.Total < 0 {
		return domain.PlatformPage{}, errors.Join(errNotPage, err)
	}
	page.Batches = make([]domain.ListedBatch, 0, len(batches))
	for _, raw := range batches {
		batch, err := readListed(raw)
		if err != nil {
			return domain.PlatformPage{}, err
		}
		page.Batches = append(page.Batches, batch)
	}
	return page, nil
}

// readListed reads one batch of a list. If the batch has no status, the head of the result
// ends with the name of the missing member.
func readListed(raw []byte) (domain.ListedBatch, error) {
	report, err := readReport(raw)
	if err != nil {
		return domain.ListedBatch{}, err
	}
	o, err := jsonmember.Parse(report.Document, maxMembers)
	if err != nil {
		return domain.ListedBatch{}, err
	}
	if found := o.Find(overallKey); len(found) > 0 {
		m := o.Members[found[len(found)-1]]
		return domain.ListedBatch{Overall: report.Overall, Head: o.Raw[:m.ValueStart], Tail: o.Raw[m.End:]}, nil
	}
	name, at := `"`+overallKey+`":`, bytes.IndexByte(o.Raw, '{')+1
	if len(o.Members) > 0 {
		name, at = ","+name, o.Members[len(o.Members)-1].End
	}
	return domain.ListedBatch{Head: slices.Concat(o.Raw[:at], []byte(name)), Tail: o.Raw[at:]}, nil
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
	return slices.Concat(o.Raw[:from], o.Raw[to:])
}
