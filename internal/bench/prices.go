package main

// priceList is what AWS asks for, in dollars.
type priceList struct {
	date, region string
	// get is for a GET, HEAD or other request that reads; put for a PUT, COPY,
	// POST or LIST; both in S3 Standard.
	get, put float64
	// listed is for an object in an S3 Inventory.
	listed float64
	// message is for a request to a standard SQS queue.
	message float64
	// vCPUHour is for one vCPU of an instance.
	vCPUHour float64
	instance string
}

// prices are AWS's list prices, without tax, free tiers and discounts. All
// figures in dollars come from here.
func prices() priceList {
	return priceList{
		date: "November 2026", region: "US East (N. Virginia)",
		get:      0.0004 / 1e3,
		put:      0.005 / 1e3,
		listed:   0.0025 / 1e6,
		message:  0.40 / 1e6,
		vCPUHour: 0.085 / 2,
		instance: "c6i.large, On-Demand",
	}
}
