package sandbox

import (
	"encoding/json"
	"net/http"
	"strings"
)

// controlPrefix begins the paths of the control endpoint, for programs in
// other processes. No bucket's name begins with an underscore.
//
//	GET    /_sandbox/faults    the rules in force
//	PUT    /_sandbox/faults    a JSON list of Rule takes their place
//	POST   /_sandbox/faults    a JSON list of Rule comes after them
//	DELETE /_sandbox/faults    no rules
//	GET    /_sandbox/stats     Stats
//	DELETE /_sandbox/stats     counts from zero
//	GET    /_sandbox/uploads   open multipart uploads
//	POST   /_sandbox/objects   a JSON list of Planted, each with bucket and key
//	GET    /_sandbox/health    {} once the server answers
const controlPrefix = "/_sandbox/"

// plantedAt is one line of what POST /_sandbox/objects takes.
type plantedAt struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	Planted
}

func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	var answer any = struct{}{}
	var err error
	switch r.Method + " " + strings.TrimPrefix(r.URL.Path, controlPrefix) {
	case "GET health":
	case "GET faults":
		answer = s.Faults()
	case "PUT faults":
		var rules []Rule
		if rules, err = decodeControl[[]Rule](w, r); err == nil {
			s.SetFaults(rules...)
		}
	case "POST faults":
		var rules []Rule
		if rules, err = decodeControl[[]Rule](w, r); err == nil {
			s.AddFaults(rules...)
		}
	case "DELETE faults":
		s.SetFaults()
	case "GET stats":
		answer = s.Stats()
	case "DELETE stats":
		s.ResetStats()
	case "GET uploads":
		answer = s.Uploads()
	case "POST objects":
		var objects []plantedAt
		objects, err = decodeControl[[]plantedAt](w, r)
		for _, o := range objects {
			if err == nil {
				_, _, err = s.Plant(o.Bucket, o.Key, o.Planted)
			}
		}
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// A client that is gone needs no answer.
	_ = json.NewEncoder(w).Encode(answer)
}

// decodeControl reads a JSON body, refusing names it does not know: a rule
// with a slip in it would match everything.
func decodeControl[T any](w http.ResponseWriter, r *http.Request) (v T, err error) {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 256<<20))
	d.DisallowUnknownFields()
	err = d.Decode(&v)
	return v, err
}
