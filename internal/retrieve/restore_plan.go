package retrieve

const (
	// runSize is up to how many bytes of an archive are read by one request
	// into memory; an object that is larger is streamed.
	runSize = 4 << 20
	// gap is up to how many bytes between two objects are read along, because
	// another request would cost more.
	gap = 64 << 10
	// rowCost is what an object costs in memory besides its content.
	rowCost = 1 << 10
	// inflated bounds what the blocks of a run may come to.
	inflated = 8 << 20
)

// job is one reading of an archive, and the objects it is for.
type job struct {
	archive *Archive
	objects []*wanted
	// Of a run, which is read into memory: where it lies, and what it comes to
	// with all that is made of it.
	offset, length, cost int64
	// streamed says that the objects are read one after the other instead:
	// from their block, or the archive from its start.
	streamed bool
}

// planner makes jobs of objects that come in the archives' order. It belongs
// to one goroutine.
type planner struct {
	start func(job) error

	run    job   // being collected
	block  job   // of a compressed archive, being collected
	need   int64 // bytes of the block
	walked job   // all of an archive whose places are unknown
}

// add takes the next object.
func (p *planner) add(w *wanted) error {
	switch {
	case w.archive.Copy:
		return p.start(job{archive: w.archive, objects: []*wanted{w}, streamed: true})
	case w.row.Size == 0:
		return p.join(job{archive: w.archive, objects: []*wanted{w}, offset: p.run.offset + p.run.length})
	case w.row.Place == nil:
		if p.walked.archive != w.archive {
			if err := p.flush(); err != nil {
				return err
			}
		}
		p.walked.archive, p.walked.streamed = w.archive, true
		p.walked.objects = append(p.walked.objects, w)
		return nil
	case !w.archive.Compressed:
		return p.join(job{archive: w.archive, objects: []*wanted{w}, offset: w.row.Place.Offset, length: w.row.Size})
	}
	place := w.row.Place
	if p.block.archive != w.archive || p.block.offset != place.Block {
		if err := p.endBlock(); err != nil {
			return err
		}
		length := place.BlockLength
		if length < 0 {
			length = w.archive.Object.Size - place.Block
		}
		p.block = job{archive: w.archive, offset: place.Block, length: length}
	}
	p.block.objects = append(p.block.objects, w)
	p.need = max(p.need, place.Offset+w.row.Size)
	return nil
}

// endBlock adds the block to the run.
func (p *planner) endBlock() error {
	b := p.block
	b.cost = p.need
	p.block, p.need = job{}, 0
	if b.archive == nil {
		return nil
	}
	return p.join(b)
}

// join adds a reading to the run, if that is near enough and not too large; it
// is a run of its own otherwise, or streamed.
func (p *planner) join(j job) error {
	if j.length > runSize || j.cost > inflated {
		j.streamed = true
		return p.start(j)
	}
	r := &p.run
	end := j.offset + j.length
	distance := j.offset - (r.offset + r.length)
	if r.archive != nil && (r.archive != j.archive || distance < 0 || distance > gap || end-r.offset > runSize ||
		r.cost+j.cost > inflated || (len(r.objects)+len(j.objects))*rowCost > runSize) {
		if err := p.endRun(); err != nil {
			return err
		}
	}
	if r.archive == nil {
		r.archive, r.offset = j.archive, j.offset
	}
	r.length = end - r.offset
	r.cost += j.cost
	r.objects = append(r.objects, j.objects...)
	return nil
}

// endRun starts the run.
func (p *planner) endRun() error {
	r := p.run
	p.run = job{}
	if r.archive == nil {
		return nil
	}
	r.cost += r.length + int64(len(r.objects))*rowCost
	return p.start(r)
}

// flush starts all that was collected.
func (p *planner) flush() error {
	if err := p.endBlock(); err != nil {
		return err
	}
	if err := p.endRun(); err != nil {
		return err
	}
	w := p.walked
	p.walked = job{}
	if w.archive == nil {
		return nil
	}
	return p.start(w)
}
